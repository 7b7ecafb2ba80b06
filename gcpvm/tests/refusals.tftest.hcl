# What is refused before anything is made, variable by variable.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id = "our-project-123"
  region     = "europe-west4"
  zone       = "europe-west4-a"
}

run "project_number" {
  command = plan

  variables {
    project_id = "123456789012"
  }

  expect_failures = [var.project_id]
}

run "project_with_capitals" {
  command = plan

  variables {
    project_id = "Our-Project"
  }

  expect_failures = [var.project_id]
}

run "zone_as_region" {
  command = plan

  variables {
    region = "europe-west4-a"
  }

  expect_failures = [var.region]
}

run "zone_elsewhere" {
  command = plan

  variables {
    zone = "us-central1-a"
  }

  expect_failures = [var.zone]
}

run "zone_without_letter" {
  command = plan

  variables {
    zone = "europe-west4"
  }

  expect_failures = [var.zone]
}

run "name_too_long" {
  command = plan

  variables {
    name = "a-name-that-is-longer-than-24"
  }

  expect_failures = [var.name]
}

run "name_that_ends_in_a_hyphen" {
  command = plan

  variables {
    name = "slicks-"
  }

  expect_failures = [var.name]
}

run "unknown_preset" {
  command = plan

  variables {
    preset = "v100"
  }

  expect_failures = [var.preset]
}

run "image_with_a_path" {
  command = plan

  variables {
    image_family = "projects/x/family/y"
  }

  expect_failures = [var.image_family]
}

run "image_project_with_a_slash" {
  command = plan

  variables {
    image_project = "a/b"
  }

  expect_failures = [var.image_project]
}

run "boot_disk_too_small" {
  command = plan

  variables {
    boot_disk_gb = 20
  }

  expect_failures = [var.boot_disk_gb]
}

run "boot_disk_as_data_disk" {
  command = plan

  variables {
    boot_disk_gb = 4000
  }

  expect_failures = [var.boot_disk_gb]
}

run "data_disk_too_small" {
  command = plan

  variables {
    data_disk_gb = 5
  }

  expect_failures = [var.data_disk_gb]
}

run "half_a_gigabyte" {
  command = plan

  variables {
    data_disk_gb = 200.5
  }

  expect_failures = [var.data_disk_gb]
}

run "more_local_ssds_than_fit" {
  command = plan

  variables {
    local_ssd_count = 2
  }

  expect_failures = [var.local_ssd_count]
}

run "local_ssds_of_h100" {
  command = plan

  variables {
    preset          = "h100"
    local_ssd_count = 1
  }

  expect_failures = [var.local_ssd_count]
}

run "h100_on_demand" {
  command = plan

  variables {
    preset = "h100"
    spot   = false
  }

  expect_failures = [var.spot]
}

run "no_end" {
  command = plan

  variables {
    max_run_hours = 0
  }

  expect_failures = [var.max_run_hours]
}

run "longer_than_a_week" {
  command = plan

  variables {
    max_run_hours = 169
  }

  expect_failures = [var.max_run_hours]
}

run "no_idle_guard" {
  command = plan

  variables {
    idle_minutes = 0
  }

  expect_failures = [var.idle_minutes]
}

run "an_idle_guard_that_never_strikes" {
  command = plan

  variables {
    idle_minutes = 100000
  }

  expect_failures = [var.idle_minutes]
}

run "bucket_as_address" {
  command = plan

  variables {
    buckets = { "gs://our-scenes" = "read" }
  }

  expect_failures = [var.buckets]
}

run "bucket_administered" {
  command = plan

  variables {
    buckets = { our-scenes = "admin" }
  }

  expect_failures = [var.buckets]
}

run "everybody" {
  command = plan

  variables {
    ssh_members = ["allUsers"]
  }

  expect_failures = [var.ssh_members]
}

run "everybody_with_an_account" {
  command = plan

  variables {
    ssh_members = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.ssh_members]
}

run "a_whole_domain" {
  command = plan

  variables {
    ssh_members = ["domain:example.org"]
  }

  expect_failures = [var.ssh_members]
}

run "a_bare_address" {
  command = plan

  variables {
    ssh_members = ["ana@example.org"]
  }

  expect_failures = [var.ssh_members]
}

run "label_in_capitals" {
  command = plan

  variables {
    labels = { Team = "slicks" }
  }

  expect_failures = [var.labels]
}

run "the_modules_own_label" {
  command = plan

  variables {
    labels = { ceruleanml = "other" }
  }

  expect_failures = [var.labels]
}

run "billing_account_by_name" {
  command = plan

  variables {
    budget = { billing_account = "ours", amount = 100 }
  }

  expect_failures = [var.budget]
}

run "budget_of_nothing" {
  command = plan

  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 0 }
  }

  expect_failures = [var.budget]
}

run "currency_by_sign" {
  command = plan

  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 100, currency = "€" }
  }

  expect_failures = [var.budget]
}

run "public_addresses" {
  command = plan

  variables {
    network_cidr = "35.0.0.0/24"
  }

  expect_failures = [var.network_cidr]
}

run "too_many_addresses" {
  command = plan

  variables {
    network_cidr = "10.0.0.0/8"
  }

  expect_failures = [var.network_cidr]
}

run "an_address_within_the_range" {
  command = plan

  variables {
    network_cidr = "10.20.0.5/28"
  }

  expect_failures = [var.network_cidr]
}

run "name_too_short" {
  command = plan

  variables {
    name = "abc"
  }

  expect_failures = [var.name]
}

run "data_disk_too_large" {
  command = plan

  variables {
    data_disk_gb = 70000
  }

  expect_failures = [var.data_disk_gb]
}

run "half_a_gigabyte_of_system" {
  command = plan

  variables {
    boot_disk_gb = 100.5
  }

  expect_failures = [var.boot_disk_gb]
}

run "half_an_hour" {
  command = plan

  variables {
    max_run_hours = 1.5
  }

  expect_failures = [var.max_run_hours]
}

run "half_a_minute" {
  command = plan

  variables {
    idle_minutes = 20.5
  }

  expect_failures = [var.idle_minutes]
}

run "label_value_in_capitals" {
  command = plan

  variables {
    labels = { team = "Slicks" }
  }

  expect_failures = [var.labels]
}

run "budget_in_cents" {
  command = plan

  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 10.5 }
  }

  expect_failures = [var.budget]
}

run "too_few_addresses" {
  command = plan

  variables {
    network_cidr = "10.20.0.0/30"
  }

  expect_failures = [var.network_cidr]
}

run "no_addresses" {
  command = plan

  variables {
    network_cidr = "10.20.0.0"
  }

  expect_failures = [var.network_cidr]
}
