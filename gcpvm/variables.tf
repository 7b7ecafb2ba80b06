variable "project_id" {
  description = "The Google Cloud project that pays. There is no default: a wrong one costs somebody money."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is not the id of a project: give 6 to 30 small letters, digits and hyphens, as `gcloud projects list` shows them under PROJECT_ID (not the name, not the number)."
  }
}

variable "region" {
  description = "The region of the network and the machine. Take the one of your bucket: data that crosses regions is paid for."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is not a region's name: give one as us-central1 or europe-west4 (`gcloud compute regions list`)."
  }
}

variable "zone" {
  description = "The zone of the machine and its disks, within the region. `gcloud compute accelerator-types list` says which has your GPU."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+-[a-z]$", var.zone)) && startswith(var.zone, "${var.region}-")
    error_message = "zone is not a zone of region: give the region's name, a hyphen and a letter, as us-central1-a in us-central1."
  }
}

variable "name" {
  description = "The name of the machine; its network, disks and service account are named after it."
  type        = string
  default     = "ceruleanml"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,22}[a-z0-9]$", var.name))
    error_message = "name does not fit all that is named after it: give 6 to 24 small letters, digits and hyphens that begin with a letter and do not end with a hyphen."
  }
}

variable "preset" {
  description = "Which machine: l4, t4, a100, h100 (one GPU each) or cpu (32 cores, to build data sets)."
  type        = string
  default     = "l4"
  nullable    = false

  validation {
    condition     = contains(keys(local.presets), var.preset)
    error_message = "preset is none of the known ones: give l4, t4, a100, h100 or cpu."
  }
}

variable "image_family" {
  description = "The image family that the boot disk is made from. `make image-check` asks whether it still exists."
  type        = string
  default     = "common-cu129-ubuntu-2204-nvidia-580"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.image_family))
    error_message = "image_family is not the name of an image family: give one as common-cu129-ubuntu-2204-nvidia-580, without project or path."
  }
}

variable "image_project" {
  description = "The project that publishes the image family."
  type        = string
  default     = "deeplearning-platform-release"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.image_project))
    error_message = "image_project is not the id of a project: give one as deeplearning-platform-release."
  }
}

variable "boot_disk_gb" {
  description = "The size of the boot disk in GB. It holds the system alone and goes with the machine."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.boot_disk_gb >= 50 && var.boot_disk_gb <= 1000 && floor(var.boot_disk_gb) == var.boot_disk_gb
    error_message = "boot_disk_gb is out of bounds: give a whole number from 50 (what the image takes) to 1000; data belongs on the data disk (data_disk_gb)."
  }
}

variable "data_disk_gb" {
  description = "The size of the SSD that holds the repository, the data sets and the results in GB. It outlives the machine, and costs while it exists."
  type        = number
  default     = 200
  nullable    = false

  validation {
    condition     = var.data_disk_gb >= 10 && var.data_disk_gb <= 65536 && floor(var.data_disk_gb) == var.data_disk_gb
    error_message = "data_disk_gb is out of bounds: give a whole number from 10 to 65536. A disk can grow later, never shrink."
  }
}

variable "local_ssd_count" {
  description = "How many local SSDs of 375 GB as scratch space. What is on them is gone when the machine stops."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = try(contains(local.presets[var.preset].local_ssd_counts, var.local_ssd_count), !contains(keys(local.presets), var.preset))
    error_message = "local_ssd_count does not fit the preset: give 0, or for l4 1, for t4 1 to 8, for a100 1, 2, 4 or 8, for cpu 4, 8, 16 or 24; h100 brings its own."
  }
}

variable "spot" {
  description = "Whether to take a spot machine: less than half the price, but Google may stop it at any time; what is on its disks stays."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = try(var.spot || local.presets[var.preset].on_demand, !contains(keys(local.presets), var.preset))
    error_message = "spot = false does not fit the preset h100, which Google gives out as spot only: leave spot out, or take the preset a100."
  }
}

variable "max_run_hours" {
  description = "After how many hours Google stops the machine, whatever it is doing. Counted anew at each start."
  type        = number
  default     = 24
  nullable    = false

  validation {
    condition     = var.max_run_hours >= 1 && var.max_run_hours <= 168 && floor(var.max_run_hours) == var.max_run_hours
    error_message = "max_run_hours is out of bounds: give a whole number of hours from 1 to 168 (a week). There is no way to run without an end."
  }
}

variable "idle_minutes" {
  description = "After how many idle minutes in a row the machine stops itself: GPU and processor at rest, nobody logged in, no keep file."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.idle_minutes >= 10 && var.idle_minutes <= 720 && floor(var.idle_minutes) == var.idle_minutes
    error_message = "idle_minutes is out of bounds: give a whole number of minutes from 10 to 720. The guard cannot be left out; on the machine, `touch /data/keep-running` holds it back."
  }
}

variable "buckets" {
  description = "The buckets that the machine may use, by name without gs://, and how: read or write. The buckets must exist."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for bucket in keys(var.buckets) : can(regex("^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$", bucket))])
    error_message = "buckets names what cannot be a bucket: give names as our-scenes, without gs:// and without a folder."
  }

  validation {
    condition     = alltrue([for how in values(var.buckets) : contains(["read", "write"], how)])
    error_message = "buckets says neither read nor write of a bucket: give { our-scenes = \"read\", our-results = \"write\" }."
  }
}

variable "ssh_members" {
  description = "Who may log in through Google's proxy, and start and stop the machine. Owners of the project may anyway."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.ssh_members : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", member))])
    error_message = "ssh_members names nobody in particular: give each as user:ana@example.org, group:slicks@example.org or serviceAccount:…; allUsers and whole domains are refused."
  }
}

variable "labels" {
  description = "Labels of the machine and its data disk, by which your bill can be split."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.labels :
      can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value)) && key != "ceruleanml"
    ])
    error_message = "labels holds what Google refuses, or the key ceruleanml, which the module sets itself: give keys and values of small letters, digits, _ and -, up to 63, keys beginning with a letter."
  }
}

variable "budget" {
  description = "A monthly budget whose alerts are mailed to those who pay: billing_account, amount, and currency where it is not the account's own. It stops nothing. null: none."
  type = object({
    billing_account = string
    amount          = number
    currency        = optional(string)
  })
  default = null

  validation {
    condition     = var.budget == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget.billing_account is not an account's id: give it as 012345-6789AB-CDEF01 (`gcloud billing accounts list`)."
  }

  validation {
    condition     = var.budget == null || try(var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount, false)
    error_message = "budget.amount is not a sum for a month: give a whole number from 1, in the currency of the billing account."
  }

  validation {
    condition     = try(var.budget.currency, null) == null || can(regex("^[A-Z]{3}$", var.budget.currency))
    error_message = "budget.currency is not a currency's code: leave it out, or give the billing account's own, as EUR."
  }
}

variable "network_cidr" {
  description = "The private addresses of the machine's network."
  type        = string
  default     = "10.20.0.0/28"
  nullable    = false

  validation {
    condition = alltrue([
      can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.network_cidr)),
      can(cidrhost(var.network_cidr, 0)) && try(cidrsubnet(var.network_cidr, 0, 0) == var.network_cidr, false),
      try(tonumber(split("/", var.network_cidr)[1]) >= 16 && tonumber(split("/", var.network_cidr)[1]) <= 29, false),
    ])
    error_message = "network_cidr is not a private range: give one of 8 to 65536 addresses from its first on, as 10.20.0.0/28."
  }
}
