output "name" {
  description = "The machine's name."
  value       = google_compute_instance.vm.name
}

output "ssh_alias" {
  description = "The name under which ssh, rsync and VS Code reach the machine."
  value       = google_compute_instance.vm.name
}

output "project_id" {
  description = "The project that pays."
  value       = var.project_id
}

output "zone" {
  description = "The machine's zone."
  value       = google_compute_instance.vm.zone
}

output "service_account" {
  description = "The machine's account: give it roles on further buckets."
  value       = google_service_account.vm.email
}

output "machine_type" {
  description = "The machine type of the preset."
  value       = google_compute_instance.vm.machine_type
}

output "gpu" {
  description = "The GPU of the preset, or none."
  value       = local.preset.gpu
}

output "spot" {
  description = "Whether the machine is a spot machine."
  value       = var.spot
}

output "max_run_hours" {
  description = "After how many hours Google stops the machine."
  value       = var.max_run_hours
}

output "boot_image" {
  description = "The image family that the boot disk is made from."
  value       = local.image
}

output "data_disk_gb" {
  description = "The size of the data disk in GB."
  value       = google_compute_disk.data.size
}

output "data_mount" {
  description = "Where the data disk is mounted on the machine."
  value       = local.data_mount
}
