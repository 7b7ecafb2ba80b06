# The services that the module calls. They stay on when the module goes: others may use them by then.
resource "google_project_service" "needed" {
  for_each = toset(concat(
    ["compute.googleapis.com", "iam.googleapis.com", "iap.googleapis.com", "oslogin.googleapis.com"],
    var.budget == null ? [] : ["billingbudgets.googleapis.com"],
  ))

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}
