# Every preset is planned: the right machine, the right GPU, and the bounds on its costs whatever it is.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id = "our-project-123"
  region     = "europe-west4"
  zone       = "europe-west4-a"
}

run "l4_is_the_default" {
  command = plan

  assert {
    condition     = google_compute_instance.vm.machine_type == "g2-standard-8" && output.gpu == "nvidia-l4"
    error_message = "The default is not an L4 on a g2-standard-8."
  }

  assert {
    condition     = length(google_compute_instance.vm.guest_accelerator) == 0
    error_message = "A g2 brings its GPU; none may be asked for beside it."
  }
}

run "t4" {
  command = plan

  variables {
    preset = "t4"
  }

  assert {
    condition     = google_compute_instance.vm.machine_type == "n1-standard-8"
    error_message = "t4 is not an n1-standard-8."
  }

  assert {
    condition     = [for gpu in google_compute_instance.vm.guest_accelerator : "${gpu.count} ${gpu.type}"] == ["1 nvidia-tesla-t4"]
    error_message = "t4 does not ask for one T4."
  }
}

run "a100" {
  command = plan

  variables {
    preset = "a100"
  }

  assert {
    condition     = google_compute_instance.vm.machine_type == "a2-highgpu-1g" && output.gpu == "nvidia-tesla-a100"
    error_message = "a100 is not an a2-highgpu-1g."
  }
}

run "h100" {
  command = plan

  variables {
    preset = "h100"
  }

  assert {
    condition     = google_compute_instance.vm.machine_type == "a3-highgpu-1g" && output.gpu == "nvidia-h100-80gb"
    error_message = "h100 is not an a3-highgpu-1g."
  }

  assert {
    condition     = try(one(one(google_compute_instance.vm.scheduling).on_instance_stop_action).discard_local_ssd, false)
    error_message = "An a3 has local SSDs of its own: without leave to empty them the time limit could not stop it."
  }

  assert {
    condition     = one(google_compute_instance.vm.network_interface).nic_type == "GVNIC"
    error_message = "An a3 runs with gVNIC only."
  }
}

run "cpu" {
  command = plan

  variables {
    preset = "cpu"
  }

  assert {
    condition     = google_compute_instance.vm.machine_type == "n2-standard-32" && output.gpu == "none"
    error_message = "cpu is not a machine of 32 cores without GPU."
  }

  assert {
    condition     = length(google_compute_instance.vm.guest_accelerator) == 0
    error_message = "cpu asks for a GPU."
  }
}

run "local_ssds_are_asked_for_by_number" {
  command = plan

  variables {
    preset          = "a100"
    local_ssd_count = 2
  }

  assert {
    condition     = [for disk in google_compute_instance.vm.scratch_disk : disk.interface] == ["NVME", "NVME"]
    error_message = "Two local SSDs were asked for."
  }

  assert {
    condition     = try(one(one(google_compute_instance.vm.scheduling).on_instance_stop_action).discard_local_ssd, false)
    error_message = "Without leave to empty local SSDs the time limit could not stop the machine."
  }
}

run "no_local_ssd_by_default" {
  command = plan

  assert {
    condition     = length(google_compute_instance.vm.scratch_disk) == 0 && length(one(google_compute_instance.vm.scheduling).on_instance_stop_action) == 0
    error_message = "A local SSD that nobody asked for."
  }
}
