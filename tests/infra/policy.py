"""What must hold of every plan of the module, as one small function a rule, on the JSON of `terraform show`."""

import base64
import re
from ipaddress import ip_network

GOOGLE = "registry.terraform.io/hashicorp/google"
TERRAFORM = "terraform.io/builtin/terraform"  # its one kind keeps a value in the state
KINDS = {
    "google_billing_budget", "google_compute_disk", "google_compute_firewall", "google_compute_instance",
    "google_compute_instance_iam_member", "google_compute_network", "google_compute_router",
    "google_compute_router_nat", "google_compute_subnetwork", "google_iap_tunnel_instance_iam_member",
    "google_project_service", "google_service_account", "google_service_account_iam_member",
    "google_storage_bucket_iam_member", "terraform_data",
}  # fmt: skip
METADATA = {"startup-script", "enable-oslogin", "block-project-ssh-keys", "serial-port-enable"}
IAP = "35.235.240.0/20"
WEEK_S = 7 * 24 * 3600


def planned(plan, kind):
    """The planned values of each resource of a kind."""
    resources = plan["planned_values"]["root_module"]["resources"]
    return [resource["values"] for resource in resources if resource["type"] == kind]


def written(plan, address):
    """The expressions that the module's text gives a resource."""
    resources = plan["configuration"]["root_module"]["resources"]
    return next(resource["expressions"] for resource in resources if resource["address"] == address)


def references(expressions, *names):
    """What an argument of the text, by the way to it, refers to."""
    for name in names:
        expressions = expressions[name] if isinstance(name, int) else expressions.get(name, {})
    return expressions.get("references", [])


def machine(plan):
    (values,) = planned(plan, "google_compute_instance")
    return values


def nothing_but_google(plan, module):
    resources = plan["planned_values"]["root_module"]["resources"]
    assert {resource["provider_name"] for resource in resources} == {GOOGLE, TERRAFORM}
    assert "child_modules" not in plan["planned_values"]["root_module"]


def only_the_kinds_agreed_on(plan, module):
    assert {resource["type"] for resource in plan["planned_values"]["root_module"]["resources"]} <= KINDS


def no_provisioner(plan, module):
    assert not any("provisioners" in resource for resource in plan["configuration"]["root_module"]["resources"])


def no_project_by_default(plan, module):
    variables = plan["configuration"]["root_module"]["variables"]
    assert "default" not in variables["project_id"] and "default" not in variables["zone"]


def variables_and_outputs_are_explained(plan, module):
    root = plan["configuration"]["root_module"]
    for name, told in [*root["variables"].items(), *root["outputs"].items()]:
        assert told.get("description"), name


def names_are_known_and_stay(plan, module):
    """What is unknown before the first apply is made up by each, and every later one would make all anew."""
    named = {"google_service_account": "account_id", "google_billing_budget": "display_name"}
    for resource in plan["resource_changes"]:
        assert not resource["change"]["after_unknown"].get(named.get(resource["type"], "name")), resource["address"]


def spot_that_stops(plan, module):
    (scheduling,) = machine(plan)["scheduling"]
    assert scheduling["provisioning_model"] == "SPOT" and scheduling["preemptible"]
    assert scheduling["instance_termination_action"] == "STOP"
    assert not scheduling["automatic_restart"] and scheduling["on_host_maintenance"] == "TERMINATE"


def time_limit(plan, module):
    (limit,) = machine(plan)["scheduling"][0]["max_run_duration"]
    assert 0 < limit["seconds"] <= WEEK_S


def idle_guard(plan, module):
    script = machine(plan)["metadata"]["startup-script"]
    assert _brings(script, module / "vm" / "idle_guard.sh") and "/usr/local/sbin/idle-guard" in script
    assert re.search(r"^\s*systemctl enable --now idle-guard\.timer", script, re.MULTILINE)
    assert not machine(plan).get("metadata_startup_script")


def every_file_of_vm_is_brought(plan, module):
    script = machine(plan)["metadata"]["startup-script"]
    files = [file for file in sorted((module / "vm").iterdir()) if file.suffix != ".tftpl"]
    assert len(files) >= 6 and all(_brings(script, file) for file in files)


def _brings(script, file):
    return base64.b64encode(file.read_bytes()).decode() in script


def budget_as_asked(plan, module):
    (budget,) = planned(plan, "google_billing_budget")
    assert budget["amount"][0]["specified_amount"][0]["units"] == "300"
    (counted,) = budget["budget_filter"]
    assert counted["calendar_period"] == "MONTH" and counted["labels"] == {"ceruleanml": "slicks"}
    assert "FORECASTED_SPEND" in {rule["spend_basis"] for rule in budget["threshold_rules"]}


def where_it_was_asked_for(plan, module):
    for resource in plan["planned_values"]["root_module"]["resources"]:
        for name, asked in ("zone", "europe-west4-a"), ("region", "europe-west4"):
            assert resource["values"].get(name, asked) == asked, resource["address"]
    for kind in "google_compute_disk", "google_compute_instance":
        assert planned(plan, kind)[0]["zone"] == "europe-west4-a"
    for kind in "google_compute_subnetwork", "google_compute_router", "google_compute_router_nat":
        assert planned(plan, kind)[0]["region"] == "europe-west4"


def provider_is_pinned_and_pays_by_the_project(plan, module):
    provider = plan["configuration"]["provider_config"]["google"]
    assert provider["full_name"] == GOOGLE and provider["version_constraint"].startswith("~> ")
    for name in "project", "billing_project":
        assert references(provider["expressions"], name) == ["var.project_id"]
    for name in "region", "zone":
        assert references(provider["expressions"], name) == [f"var.{name}"]
    assert provider["expressions"]["user_project_override"]["constant_value"] is True


def services_stay_on(plan, module):
    services = planned(plan, "google_project_service")
    assert len(services) == 5
    assert {(service["project"], service["disable_on_destroy"]) for service in services} == {("our-project-123", False)}


def services_are_on_before_they_are_used(plan, module):
    resources = plan["configuration"]["root_module"]["resources"]
    needed = "google_project_service.needed"
    waiting = {resource["address"] for resource in resources if needed in resource.get("depends_on", [])}
    assert waiting == {
        "google_billing_budget.month", "google_compute_disk.data", "google_compute_network.vm",
        "google_service_account.vm",
    }  # fmt: skip


def the_way_out_is_there_before_the_machine(plan, module):
    resources = plan["configuration"]["root_module"]["resources"]
    (vm,) = [resource for resource in resources if resource["address"] == "google_compute_instance.vm"]
    assert vm["depends_on"] == ["google_compute_router_nat.vm"]


def labels(plan, module):
    for values in machine(plan), *planned(plan, "google_compute_disk"):
        assert values["labels"]["ceruleanml"] == "slicks" and values["labels"]["team"] == "slicks"


def no_address_on_the_internet(plan, module):
    for port in machine(plan)["network_interface"]:
        assert port["access_config"] == [] == port["ipv6_access_config"]


def network_of_its_own(plan, module):
    (network,) = planned(plan, "google_compute_network")
    (subnetwork,) = planned(plan, "google_compute_subnetwork")
    (nat,) = planned(plan, "google_compute_router_nat")
    assert network["auto_create_subnetworks"] is False
    assert ip_network(subnetwork["ip_cidr_range"]).is_private and subnetwork["private_ip_google_access"]
    assert nat["nat_ip_allocate_option"] == "AUTO_ONLY"
    for address in "google_compute_subnetwork.vm", "google_compute_router.vm", "google_compute_firewall.ssh":
        assert "google_compute_network.vm" in references(written(plan, address), "network"), address
    port = written(plan, "google_compute_instance.vm")["network_interface"][0]
    assert "google_compute_subnetwork.vm" in references(port, "subnetwork")


def one_way_in(plan, module):
    (rule,) = planned(plan, "google_compute_firewall")
    assert rule["source_ranges"] == [IAP] and rule["direction"] == "INGRESS"
    assert rule["allow"] == [{"protocol": "tcp", "ports": ["22"]}]
    text = written(plan, "google_compute_firewall.ssh")
    assert "google_service_account.vm.email" in references(text, "target_service_accounts")


def people_log_in_as_themselves(plan, module):
    metadata = machine(plan)["metadata"]
    assert set(metadata) == METADATA
    assert metadata["enable-oslogin"] == metadata["block-project-ssh-keys"] == "TRUE"
    assert metadata["serial-port-enable"] == "FALSE"


def account_of_its_own(plan, module):
    (account,) = machine(plan)["service_account"]
    assert account["scopes"] == ["https://www.googleapis.com/auth/devstorage.read_write"]
    text = written(plan, "google_compute_instance.vm")
    assert "google_service_account.vm.email" in references(text, "service_account", 0, "email")


def roles_on_named_buckets_alone(plan, module):
    grants = {(grant["bucket"], grant["role"]) for grant in planned(plan, "google_storage_bucket_iam_member")}
    assert grants == {("our-scenes", "roles/storage.objectViewer"), ("our-results", "roles/storage.objectUser")}


def only_named_members(plan, module):
    for kind in KINDS:
        for values in planned(plan, kind) if kind.endswith("_iam_member") else []:
            assert values.get("member", "user:ana@example.org") == "user:ana@example.org", kind


def data_on_a_disk_of_its_own(plan, module):
    (disk,) = machine(plan)["attached_disk"]
    assert disk["device_name"] == "data" and disk["mode"] in (None, "READ_WRITE")
    text = written(plan, "google_compute_instance.vm")
    assert "google_compute_disk.data" in references(text, "attached_disk", 0, "source")
    assert machine(plan)["boot_disk"][0]["auto_delete"]
    assert "/dev/disk/by-id/google-data" in machine(plan)["metadata"]["startup-script"]


def public_image(plan, module):
    image = machine(plan)["boot_disk"][0]["initialize_params"][0]["image"]
    assert image.startswith("projects/deeplearning-platform-release/global/images/family/")


RULES = (
    nothing_but_google, only_the_kinds_agreed_on, no_provisioner, no_project_by_default,
    variables_and_outputs_are_explained, names_are_known_and_stay, where_it_was_asked_for,
    provider_is_pinned_and_pays_by_the_project, services_stay_on, services_are_on_before_they_are_used,
    the_way_out_is_there_before_the_machine, spot_that_stops, time_limit, idle_guard, every_file_of_vm_is_brought,
    budget_as_asked, labels, no_address_on_the_internet, network_of_its_own, one_way_in, people_log_in_as_themselves,
    account_of_its_own, roles_on_named_buckets_alone, only_named_members, data_on_a_disk_of_its_own, public_image,
)  # fmt: skip


def broken(plan, module):
    """The names of the rules that a plan of the module in a folder does not keep."""
    return [rule.__name__ for rule in RULES if not _holds(rule, plan, module)]


def _holds(rule, plan, module):
    try:
        rule(plan, module)
    except (AssertionError, KeyError, IndexError, StopIteration, TypeError, ValueError):
        return False
    return True
