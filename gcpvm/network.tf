# A network of the machine's own: no other network reaches it, and it has no address on the internet.
resource "google_compute_network" "vm" {
  name                    = var.name
  auto_create_subnetworks = false

  depends_on = [google_project_service.needed]
}

resource "google_compute_subnetwork" "vm" {
  name                     = var.name
  network                  = google_compute_network.vm.id
  region                   = var.region
  ip_cidr_range            = var.network_cidr
  private_ip_google_access = true # buckets are reached without the internet
}

# The way out, for packages. Nothing comes in by it.
resource "google_compute_router" "vm" {
  name    = var.name
  network = google_compute_network.vm.id
  region  = var.region
}

resource "google_compute_router_nat" "vm" {
  name                               = var.name
  router                             = google_compute_router.vm.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.vm.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

# The only way in: ssh, from Google's Identity-Aware Proxy (its one range of addresses), to this machine's account.
resource "google_compute_firewall" "ssh" {
  name                    = "${var.name}-ssh-from-iap"
  network                 = google_compute_network.vm.id
  direction               = "INGRESS"
  source_ranges           = ["35.235.240.0/20"]
  target_service_accounts = [google_service_account.vm.email]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}
