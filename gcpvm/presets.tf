# What each preset asks for. `accelerator` is null where the GPU belongs to the machine type.
# `local_ssd_counts` are the numbers of 375 GB scratch disks that the machine type takes; an a3-highgpu-1g brings two of
# its own, which nobody asks for.
locals {
  presets = {
    l4 = {
      machine_type     = "g2-standard-8"
      gpu              = "nvidia-l4"
      accelerator      = null
      local_ssd_counts = [0, 1]
      own_local_ssds   = 0
      on_demand        = true
    }
    t4 = {
      machine_type     = "n1-standard-8"
      gpu              = "nvidia-tesla-t4"
      accelerator      = "nvidia-tesla-t4"
      local_ssd_counts = [0, 1, 2, 3, 4, 5, 6, 7, 8]
      own_local_ssds   = 0
      on_demand        = true
    }
    a100 = {
      machine_type     = "a2-highgpu-1g"
      gpu              = "nvidia-tesla-a100"
      accelerator      = null
      local_ssd_counts = [0, 1, 2, 4, 8]
      own_local_ssds   = 0
      on_demand        = true
    }
    h100 = {
      machine_type     = "a3-highgpu-1g"
      gpu              = "nvidia-h100-80gb"
      accelerator      = null
      local_ssd_counts = [0]
      own_local_ssds   = 2
      on_demand        = false # Google gives it out as spot only, or by reservation
    }
    cpu = {
      machine_type     = "n2-standard-32"
      gpu              = "none"
      accelerator      = null
      local_ssd_counts = [0, 4, 8, 16, 24]
      own_local_ssds   = 0
      on_demand        = true
    }
  }

  preset = local.presets[var.preset]
}
