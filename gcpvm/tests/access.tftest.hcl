# Who and what reaches the machine, and what the machine reaches.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project_id  = "our-project-123"
  region      = "europe-west4"
  zone        = "europe-west4-a"
  name        = "slicks"
  buckets     = { our-scenes = "read", our-results = "write" }
  ssh_members = ["user:ana@example.org", "group:sea@example.org"]
}

run "no_address_on_the_internet" {
  command = plan

  assert {
    condition     = alltrue([for port in google_compute_instance.vm.network_interface : length(port.access_config) == 0 && length(port.ipv6_access_config) == 0])
    error_message = "The machine has an external address."
  }

  assert {
    condition     = one(google_compute_instance.vm.network_interface).subnetwork == google_compute_subnetwork.vm.id
    error_message = "The machine is not in the network of its own."
  }
}

run "network_of_its_own" {
  command = plan

  variables {
    network_cidr = "10.77.0.0/24"
  }

  assert {
    condition     = !google_compute_network.vm.auto_create_subnetworks
    error_message = "The network makes a subnetwork in every region."
  }

  assert {
    condition     = google_compute_subnetwork.vm.ip_cidr_range == "10.77.0.0/24" && google_compute_subnetwork.vm.private_ip_google_access
    error_message = "The subnetwork has other addresses, or reaches buckets by the internet."
  }

  assert {
    condition     = google_compute_router_nat.vm.nat_ip_allocate_option == "AUTO_ONLY" && one(google_compute_router_nat.vm.subnetwork).name == google_compute_subnetwork.vm.id
    error_message = "Without Cloud NAT the machine could not fetch packages."
  }
}

run "one_way_in" {
  command = plan

  assert {
    condition     = google_compute_firewall.ssh.source_ranges == toset(["35.235.240.0/20"]) && google_compute_firewall.ssh.direction == "INGRESS"
    error_message = "Others than Google's proxy come in."
  }

  assert {
    condition     = one(google_compute_firewall.ssh.allow).protocol == "tcp" && one(google_compute_firewall.ssh.allow).ports == tolist(["22"])
    error_message = "More than ssh comes in."
  }

  assert {
    condition     = google_compute_firewall.ssh.target_service_accounts == toset([google_service_account.vm.email])
    error_message = "The rule opens more than this machine."
  }
}

run "people_log_in_as_themselves" {
  command = plan

  assert {
    condition = alltrue([
      google_compute_instance.vm.metadata["enable-oslogin"] == "TRUE",
      google_compute_instance.vm.metadata["block-project-ssh-keys"] == "TRUE",
      google_compute_instance.vm.metadata["serial-port-enable"] == "FALSE",
      !contains(keys(google_compute_instance.vm.metadata), "ssh-keys"),
    ])
    error_message = "Keys in metadata, or the serial port, open the machine beside OS Login."
  }

  assert {
    condition = toset([for grant in google_compute_instance_iam_member.login : "${grant.member} ${grant.role}"]) == toset([
      "user:ana@example.org roles/compute.osAdminLogin", "user:ana@example.org roles/compute.instanceAdmin.v1",
      "group:sea@example.org roles/compute.osAdminLogin", "group:sea@example.org roles/compute.instanceAdmin.v1",
    ])
    error_message = "Each member logs in, and starts and stops the machine."
  }

  assert {
    condition = toset([for grant in google_iap_tunnel_instance_iam_member.login : "${grant.member} ${grant.role}"]) == toset([
      "user:ana@example.org roles/iap.tunnelResourceAccessor", "group:sea@example.org roles/iap.tunnelResourceAccessor",
    ])
    error_message = "Each member comes through the proxy."
  }

  assert {
    condition     = toset([for grant in google_service_account_iam_member.login : "${grant.member} ${grant.role}"]) == toset(["user:ana@example.org roles/iam.serviceAccountUser", "group:sea@example.org roles/iam.serviceAccountUser"])
    error_message = "Each member may act as the machine's account."
  }
}

run "account_of_its_own" {
  command = plan

  assert {
    condition     = google_service_account.vm.account_id == "slicks" && one(google_compute_instance.vm.service_account).email == google_service_account.vm.email
    error_message = "The machine does not run as an account of its own."
  }

  assert {
    condition     = one(google_compute_instance.vm.service_account).scopes == toset(["https://www.googleapis.com/auth/devstorage.read_write"])
    error_message = "The account may do more than use buckets."
  }
}

run "roles_on_buckets" {
  command = plan

  assert {
    condition = { for name, grant in google_storage_bucket_iam_member.vm : name => "${grant.bucket} ${grant.role}" } == {
      our-scenes  = "our-scenes roles/storage.objectViewer"
      our-results = "our-results roles/storage.objectUser"
    }
    error_message = "read is not to look, or write is not to look and write."
  }

  assert {
    condition     = alltrue([for grant in google_storage_bucket_iam_member.vm : grant.member == "serviceAccount:${google_service_account.vm.email}"])
    error_message = "Others than the machine's account get at the buckets."
  }

  assert {
    condition     = alltrue([for bucket in ["our-scenes", "our-results"] : strcontains(google_compute_instance.vm.metadata["startup-script"], bucket)])
    error_message = "The start-up script does not know the buckets."
  }
}

run "nobody_unless_named" {
  command = plan

  variables {
    buckets     = {}
    ssh_members = []
  }

  assert {
    condition     = length(google_storage_bucket_iam_member.vm) + length(google_compute_instance_iam_member.login) + length(google_iap_tunnel_instance_iam_member.login) + length(google_service_account_iam_member.login) == 0
    error_message = "Roles that nobody asked for."
  }
}

run "named_for_good" {
  command = plan

  assert {
    condition = [google_compute_instance.vm.name, google_compute_disk.data.name, google_compute_network.vm.name, output.ssh_alias] == [
      "slicks", "slicks-data", "slicks", "slicks",
    ]
    error_message = "Names change from one apply to the next."
  }
}
