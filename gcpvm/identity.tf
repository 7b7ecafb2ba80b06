# Who the machine is. It has no role in the project, only those on its buckets.
resource "google_service_account" "vm" {
  account_id   = var.name
  display_name = "The machine ${var.name}"

  depends_on = [google_project_service.needed]
}

resource "google_storage_bucket_iam_member" "vm" {
  for_each = var.buckets

  bucket = each.key
  role   = { read = "roles/storage.objectViewer", write = "roles/storage.objectUser" }[each.value]
  member = "serviceAccount:${google_service_account.vm.email}"
}

# Who may log in: through the proxy, by OS Login, on this machine alone, and start and stop it.
resource "google_iap_tunnel_instance_iam_member" "login" {
  for_each = var.ssh_members

  zone     = var.zone
  instance = google_compute_instance.vm.name
  role     = "roles/iap.tunnelResourceAccessor"
  member   = each.value

  lifecycle {
    replace_triggered_by = [google_compute_instance.vm.instance_id] # a new machine knows none of the old one's members
  }
}

resource "google_compute_instance_iam_member" "login" {
  for_each = {
    for pair in setproduct(var.ssh_members, ["roles/compute.osAdminLogin", "roles/compute.instanceAdmin.v1"]) :
    "${pair[0]} ${pair[1]}" => { member = pair[0], role = pair[1] }
  }

  zone          = var.zone
  instance_name = google_compute_instance.vm.name
  role          = each.value.role
  member        = each.value.member

  lifecycle {
    replace_triggered_by = [google_compute_instance.vm.instance_id]
  }
}

# To log in to a machine is to act as its account, so OS Login asks for this role too.
resource "google_service_account_iam_member" "login" {
  for_each = var.ssh_members

  service_account_id = google_service_account.vm.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value
}
