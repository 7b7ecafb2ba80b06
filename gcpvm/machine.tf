locals {
  labels    = merge(var.labels, { ceruleanml = var.name })
  image     = "projects/${var.image_project}/global/images/family/${var.image_family}"
  scratched = var.local_ssd_count + local.preset.own_local_ssds > 0

  data_device = "data"
  data_mount  = "/data"

  # What the start-up script lays on the machine: its path there, the file in vm/, its mode.
  files = {
    "/usr/local/sbin/idle-guard"             = { source = "idle_guard.sh", mode = "0755" }
    "/usr/local/bin/jserve"                  = { source = "jserve.sh", mode = "0755" }
    "/usr/local/bin/cdata"                   = { source = "cdata.sh", mode = "0755" }
    "/usr/local/bin/setup-environment"       = { source = "setup_environment.sh", mode = "0755" }
    "/etc/systemd/system/idle-guard.service" = { source = "idle-guard.service", mode = "0644" }
    "/etc/systemd/system/idle-guard.timer"   = { source = "idle-guard.timer", mode = "0644" }

    # Everyone's own services: `systemctl --user` of each login reads them.
    "/etc/systemd/user/ceruleanml-jupyter.service"     = { source = "ceruleanml-jupyter.service", mode = "0644" }
    "/etc/systemd/user/ceruleanml-tensorboard.service" = { source = "ceruleanml-tensorboard.service", mode = "0644" }
  }

  startup_script = templatefile("${path.module}/vm/startup.sh.tftpl", {
    data_device  = "/dev/disk/by-id/google-${local.data_device}"
    mount        = local.data_mount
    idle_minutes = var.idle_minutes
    buckets      = keys(var.buckets)
    files = {
      for target, file in local.files :
      target => { content = filebase64("${path.module}/vm/${file.source}"), mode = file.mode }
    }
  })
}

# What the provider would change on the machine that is there, though its GPU and local SSDs cannot be: a T4 would stay
# attached to whatever machine type comes next. Replaced, not updated, so that it goes only after the machine has gone:
# a deletion that fails is tried again by the next apply.
resource "terraform_data" "made_for" {
  triggers_replace = { preset = var.preset, local_ssd_count = var.local_ssd_count }
}

resource "google_compute_instance" "vm" {
  name         = var.name
  zone         = var.zone
  machine_type = local.preset.machine_type
  labels       = local.labels

  # desired_status is left out: a machine that stopped itself is not started again by the next apply.
  allow_stopping_for_update = true

  boot_disk {
    auto_delete = true

    initialize_params {
      image  = local.image
      size   = var.boot_disk_gb
      type   = "pd-balanced"
      labels = { ceruleanml = var.name }
    }
  }

  attached_disk {
    source      = google_compute_disk.data.id
    device_name = local.data_device
  }

  dynamic "scratch_disk" {
    for_each = range(var.local_ssd_count)

    content {
      interface = "NVME"
    }
  }

  dynamic "guest_accelerator" {
    for_each = local.preset.accelerator[*]

    content {
      type  = guest_accelerator.value
      count = 1
    }
  }

  # No access_config: without one the machine has no address on the internet.
  network_interface {
    subnetwork = google_compute_subnetwork.vm.id
    nic_type   = "GVNIC"
  }

  scheduling {
    provisioning_model          = var.spot ? "SPOT" : "STANDARD"
    preemptible                 = var.spot
    automatic_restart           = false # costs begin when a person says so
    on_host_maintenance         = "TERMINATE"
    instance_termination_action = "STOP" # the alternative deletes the machine

    max_run_duration {
      seconds = var.max_run_hours * 3600
    }

    # A machine with local SSDs is stopped only by one who says that they may be emptied.
    dynamic "on_instance_stop_action" {
      for_each = local.scratched ? [true] : []

      content {
        discard_local_ssd = true
      }
    }
  }

  # The scopes bound what the roles of the account could ever allow here: buckets, nothing else.
  service_account {
    email  = google_service_account.vm.email
    scopes = ["https://www.googleapis.com/auth/devstorage.read_write"]
  }

  # In metadata, since metadata_startup_script would make the machine anew at each change of the script.
  metadata = {
    startup-script         = local.startup_script
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE"
    serial-port-enable     = "FALSE"
  }

  lifecycle {
    ignore_changes       = [scratch_disk] # h100 brings disks that nobody asked for
    replace_triggered_by = [terraform_data.made_for]

    precondition {
      condition     = length(local.startup_script) < 256 * 1024
      error_message = "The start-up script is larger than the 256 KiB that metadata takes: make the files in vm/ smaller."
    }
  }

  depends_on = [google_compute_router_nat.vm] # the first boot fetches packages
}
