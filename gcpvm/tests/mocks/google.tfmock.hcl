# What only the cloud could tell, so that plans can be compared with it.

mock_resource "google_service_account" {
  override_during = plan
  defaults = {
    email = "slicks@our-project-123.iam.gserviceaccount.com"
    name  = "projects/our-project-123/serviceAccounts/slicks@our-project-123.iam.gserviceaccount.com"
  }
}

mock_resource "google_compute_subnetwork" {
  override_during = plan
  defaults = {
    id = "projects/our-project-123/regions/europe-west4/subnetworks/slicks"
  }
}

mock_resource "google_compute_disk" {
  override_during = plan
  defaults = {
    id = "projects/our-project-123/zones/europe-west4-a/disks/slicks-data"
  }
}
