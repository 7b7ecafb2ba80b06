"""A stand-in for Terraform providers: real terraform validates, plans and applies through it, without any cloud.

    python provider.py SCHEMA.json …

Prints the value of TF_REATTACH_PROVIDERS that leads terraform here, then serves until its standard input ends. A schema
has the form of `terraform providers schema -json`. The stand-in knows names, types, what is required, what is read-only
and which values are documented, and by a short list of its own what cannot be changed in place; everything it is asked
to make, it says it has made.
"""

import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import msgpack
from tf.gen import grpc_controller_pb2_grpc as controller
from tf.gen import grpc_stdio_pb2_grpc as stdio
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc

UNKNOWN = msgpack.ExtType(0, b"\x00")
NESTING = {"single": 1, "list": 2, "set": 3, "map": 4, "group": 5}
# What the real provider makes a resource anew for, of what the module writes. The schema does not say: from its source.
MADE_ANEW = {
    "google_compute_disk": ("name", "type", "zone"),
    "google_compute_instance": (
        "boot_disk.initialize_params.image", "boot_disk.initialize_params.size", "boot_disk.initialize_params.type",
        "guest_accelerator", "name", "network_interface.nic_type", "scheduling.max_run_duration",
        "scheduling.on_instance_stop_action", "scheduling.preemptible", "scheduling.provisioning_model", "scratch_disk",
        "zone",
    ),
}  # fmt: skip
KEPT_WHEN_LEFT_OUT = {"google_compute_instance": ("guest_accelerator",)}  # optional and computed: no change is seen
EMPTY = {"string": "", "number": 0, "bool": False, "list": [], "set": [], "map": {}, "object": {}}


def schema_message(schema):
    return pb.Schema(version=schema.get("version", 0), block=block_message(schema["block"]))


def block_message(block):
    message = pb.Schema.Block()
    for name, attribute in sorted(block.get("attributes", {}).items()):
        flags = {flag: attribute.get(flag, False) for flag in ("required", "optional", "computed", "sensitive")}
        message.attributes.append(pb.Schema.Attribute(name=name, type=json.dumps(attribute["type"]).encode(), **flags))
    for name, nested in sorted(block.get("block_types", {}).items()):
        bounds = {bound: nested.get(bound, 0) for bound in ("min_items", "max_items")}
        message.block_types.append(
            pb.Schema.NestedBlock(
                type_name=name, block=block_message(nested["block"]), nesting=NESTING[nested["nesting_mode"]], **bounds
            )
        )
    return message


def unpacked(value):
    return msgpack.unpackb(value.msgpack, ext_hook=msgpack.ExtType, strict_map_key=False)


def packed(value):
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def nested_values(block, values):
    """Each nested block's name, schema and one of its values."""
    for name, nested in block.get("block_types", {}).items():
        found = values.get(name)
        for value in found if isinstance(found, list) else [found]:
            if isinstance(value, dict):
                yield name, nested["block"], value


def faults(block, values, path=""):
    """What terraform leaves to the provider: nothing given to what is read-only, documented values kept to."""
    for name, attribute in block.get("attributes", {}).items():
        value = values.get(name)
        if value is None or isinstance(value, msgpack.ExtType):
            continue
        if attribute.get("computed") and not attribute.get("optional"):
            yield f"{path}{name} is read-only"
        if isinstance(value, str) and value not in attribute.get("x_values", [value]):
            yield f"{path}{name} is {value!r}; documented are {', '.join(attribute['x_values'])}"
    for name, inner, value in nested_values(block, values):
        yield from faults(inner, value, f"{path}{name}.")


def known_after_apply(block, values):
    """The values with what only the cloud could tell as unknown."""
    for name, attribute in block.get("attributes", {}).items():
        if attribute.get("computed") and values.get(name) is None:
            values[name] = UNKNOWN
    for _, inner, value in nested_values(block, values):
        known_after_apply(inner, value)
    return values


def made(block, values, path):
    """The values with something of the right type wherever one was unknown."""
    for name, attribute in block.get("attributes", {}).items():
        if isinstance(values.get(name), msgpack.ExtType):
            kind = attribute["type"] if isinstance(attribute["type"], str) else attribute["type"][0]
            values[name] = f"{path}.{name}" if kind == "string" else EMPTY[kind]
    for name, inner, value in nested_values(block, values):
        made(inner, value, f"{path}.{name}")
    return values


def at(values, names):
    """The value that a way of names leads to, through blocks of which there is one at most."""
    for name in names:
        values = values[0] if isinstance(values, list) and values else values
        values = values.get(name) if isinstance(values, dict) else None
    return values


def reasons_to_make_anew(type_name, before, after):
    """The paths of all that differs and cannot be changed in place."""
    for path in MADE_ANEW.get(type_name, ()):
        names = path.split(".")
        if at(before, names) != at(after, names):
            first, *others = [pb.AttributePath.Step(attribute_name=name) for name in names]
            one = pb.AttributePath.Step(element_key_int=0)
            yield pb.AttributePath(steps=[first, *(step for other in others for step in (one, other))])


class StandIn(tfplugin_pb2_grpc.ProviderServicer):
    """Answers terraform from a schema alone."""

    def __init__(self, schema):
        self.schema = schema

    def block(self, type_name):
        return self.schema["resource_schemas"][type_name]["block"]

    def GetMetadata(self, request, context):
        return pb.GetMetadata.Response()

    def GetProviderSchema(self, request, context):
        resources = {name: schema_message(schema) for name, schema in self.schema["resource_schemas"].items()}
        return pb.GetProviderSchema.Response(
            provider=schema_message(self.schema["provider"]), resource_schemas=resources
        )

    def ValidateProviderConfig(self, request, context):
        return pb.ValidateProviderConfig.Response()

    def ConfigureProvider(self, request, context):
        return pb.ConfigureProvider.Response()

    def ValidateResourceConfig(self, request, context):
        found = faults(self.block(request.type_name), unpacked(request.config), f"{request.type_name}.")
        diagnostics = [pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=fault) for fault in found]
        return pb.ValidateResourceConfig.Response(diagnostics=diagnostics)

    def UpgradeResourceState(self, request, context):
        return pb.UpgradeResourceState.Response(upgraded_state=pb.DynamicValue(json=request.raw_state.json))

    def ReadResource(self, request, context):
        return pb.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request, context):
        before, planned, anew = unpacked(request.prior_state), unpacked(request.proposed_new_state), []
        if planned is not None and before is None:
            planned = known_after_apply(self.block(request.type_name), planned)
        elif planned is not None:
            planned |= {name: planned[name] or before[name] for name in KEPT_WHEN_LEFT_OUT.get(request.type_name, ())}
            anew = list(reasons_to_make_anew(request.type_name, before, planned))
        return pb.PlanResourceChange.Response(
            planned_state=packed(planned), requires_replace=anew, legacy_type_system=True
        )

    def ApplyResourceChange(self, request, context):
        planned = unpacked(request.planned_state)
        if planned is not None:
            planned = made(self.block(request.type_name), planned, request.type_name)
        return pb.ApplyResourceChange.Response(new_state=packed(planned), legacy_type_system=True)

    def GetFunctions(self, request, context):
        return pb.GetFunctions.Response()

    def StopProvider(self, request, context):
        return pb.StopProvider.Response()


def serve(schema, socket):
    """A started server of one provider on a socket file."""
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_send_message_length", 1 << 26)])
    tfplugin_pb2_grpc.add_ProviderServicer_to_server(StandIn(schema), server)
    controller.add_GRPCControllerServicer_to_server(controller.GRPCControllerServicer(), server)
    stdio.add_GRPCStdioServicer_to_server(stdio.GRPCStdioServicer(), server)
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    return server


def main():
    schemas = {}
    for file in sys.argv[1:]:
        schemas.update(json.loads(Path(file).read_text())["provider_schemas"])
    with tempfile.TemporaryDirectory() as folder:
        servers, addresses = [], {}
        for number, (name, schema) in enumerate(schemas.items()):
            socket = f"{folder}/{number}"
            servers.append(serve(schema, socket))
            addresses[name] = {
                "Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True,
                "Addr": {"Network": "unix", "String": socket},
            }  # fmt: skip
        print(json.dumps(addresses), flush=True)
        sys.stdin.read()
        for server in servers:
            server.stop(None).wait(5)


if __name__ == "__main__":
    main()
