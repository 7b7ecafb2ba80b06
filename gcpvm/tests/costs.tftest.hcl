# What bounds the costs: spot, the time limit, the idle guard, the budget, labels; and what is kept when the machine goes.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id = "our-project-123"
  region     = "europe-west4"
  zone       = "europe-west4-a"
}

run "spot_that_stops" {
  command = plan

  assert {
    condition     = one(google_compute_instance.vm.scheduling).provisioning_model == "SPOT" && one(google_compute_instance.vm.scheduling).preemptible
    error_message = "The default is not a spot machine."
  }

  assert {
    condition     = one(google_compute_instance.vm.scheduling).instance_termination_action == "STOP"
    error_message = "Google would delete the machine where it takes it back."
  }

  assert {
    condition     = !one(google_compute_instance.vm.scheduling).automatic_restart && one(google_compute_instance.vm.scheduling).on_host_maintenance == "TERMINATE"
    error_message = "A spot machine restarts by itself, or is moved."
  }
}

run "on_demand_has_the_same_bounds" {
  command = plan

  variables {
    spot = false
  }

  assert {
    condition     = one(google_compute_instance.vm.scheduling).provisioning_model == "STANDARD" && !one(google_compute_instance.vm.scheduling).preemptible
    error_message = "spot = false gives a spot machine."
  }

  assert {
    condition     = one(google_compute_instance.vm.scheduling).instance_termination_action == "STOP" && one(one(google_compute_instance.vm.scheduling).max_run_duration).seconds == 86400
    error_message = "An on-demand machine runs without end."
  }

  assert {
    condition     = !one(google_compute_instance.vm.scheduling).automatic_restart
    error_message = "An on-demand machine starts by itself after it was stopped."
  }
}

run "time_limit_in_seconds" {
  command = plan

  variables {
    max_run_hours = 6
  }

  assert {
    condition     = one(one(google_compute_instance.vm.scheduling).max_run_duration).seconds == 21600
    error_message = "Six hours are 21600 seconds."
  }
}

run "idle_guard_is_laid_on_the_machine" {
  command = plan

  variables {
    idle_minutes = 47
  }

  assert {
    condition = alltrue([
      for word in ["/usr/local/sbin/idle-guard", "idle-guard.timer", "47", filebase64("vm/idle_guard.sh")] :
      strcontains(google_compute_instance.vm.metadata["startup-script"], word)
    ])
    error_message = "The start-up script does not bring the idle guard and its minutes."
  }
}

run "no_budget_unless_asked" {
  command = plan

  assert {
    condition     = length(google_billing_budget.month) == 0 && !contains(keys(google_project_service.needed), "billingbudgets.googleapis.com")
    error_message = "A budget that nobody asked for."
  }
}

run "budget" {
  command = plan

  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 300, currency = "EUR" }
  }

  assert {
    condition     = one(one(one(google_billing_budget.month).amount).specified_amount).units == "300" && one(one(one(google_billing_budget.month).amount).specified_amount).currency_code == "EUR"
    error_message = "The budget is not 300 EUR."
  }

  assert {
    condition     = one(one(google_billing_budget.month).budget_filter).labels == tomap({ ceruleanml = "ceruleanml" }) && one(one(google_billing_budget.month).budget_filter).credit_types_treatment == "EXCLUDE_ALL_CREDITS"
    error_message = "The budget does not count the machine's label before credits."
  }

  assert {
    condition     = [for rule in one(google_billing_budget.month).threshold_rules : rule.threshold_percent] == [0.5, 0.9, 1, 1]
    error_message = "The budget does not tell at half, nine tenths and all."
  }
}

run "labels_on_all_that_costs" {
  command = plan

  variables {
    labels = { team = "slicks" }
  }

  assert {
    condition     = google_compute_instance.vm.labels == tomap({ team = "slicks", ceruleanml = "ceruleanml" })
    error_message = "The machine lacks labels."
  }

  assert {
    condition     = google_compute_disk.data.labels == tomap({ team = "slicks", ceruleanml = "ceruleanml" })
    error_message = "The data disk lacks labels."
  }

  assert {
    condition     = one(one(google_compute_instance.vm.boot_disk).initialize_params).labels == tomap({ ceruleanml = "ceruleanml" })
    error_message = "The boot disk lacks its label."
  }
}

run "data_lives_on_a_disk_of_its_own" {
  command = plan

  variables {
    data_disk_gb = 500
  }

  assert {
    condition     = google_compute_disk.data.size == 500 && google_compute_disk.data.type == "pd-ssd" && output.data_disk_gb == 500
    error_message = "The data disk is not an SSD of the size asked for."
  }

  assert {
    condition     = [for disk in google_compute_instance.vm.attached_disk : "${disk.device_name} ${disk.source == google_compute_disk.data.id}"] == ["data true"]
    error_message = "The data disk is not attached as the start-up script looks for it."
  }

  assert {
    condition     = strcontains(google_compute_instance.vm.metadata["startup-script"], "/dev/disk/by-id/google-data")
    error_message = "The start-up script does not know the data disk."
  }

  assert {
    condition     = one(one(google_compute_instance.vm.boot_disk).initialize_params).size == 100 && one(one(google_compute_instance.vm.boot_disk).initialize_params).type == "pd-balanced"
    error_message = "The boot disk is not the small one that was asked for."
  }

  assert {
    condition     = google_compute_instance.vm.allow_stopping_for_update
    error_message = "Another preset could not be applied to a machine that runs."
  }

  assert {
    condition     = one(google_compute_instance.vm.boot_disk).auto_delete
    error_message = "The boot disk would stay behind, and cost."
  }
}

run "boot_image_is_a_public_family" {
  command = plan

  assert {
    condition     = one(one(google_compute_instance.vm.boot_disk).initialize_params).image == "projects/deeplearning-platform-release/global/images/family/common-cu129-ubuntu-2204-nvidia-580"
    error_message = "The boot disk is not made from the published family."
  }
}
