terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }

  # The state lies in a bucket of yours, shared by the team and locked while one of you applies.
  # Which bucket is said at `make vm-init`: see backend.hcl.example.
  backend "gcs" {}
}

provider "google" {
  project = var.project_id
  region  = var.region
  zone    = var.zone

  # The budget's service asks for a project that the requests are counted on.
  billing_project       = var.project_id
  user_project_override = true
}
