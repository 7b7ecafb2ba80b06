# What must outlive the machine: the repository, data sets and results. Neither `destroy` nor a change that would make
# it anew gets past prevent_destroy.
resource "google_compute_disk" "data" {
  name   = "${var.name}-data"
  zone   = var.zone
  type   = "pd-ssd"
  size   = var.data_disk_gb
  labels = local.labels

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.needed]
}
