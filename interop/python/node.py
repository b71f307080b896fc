"""The Node side of a conversation, as a child process."""

import asyncio

from peer import check

# What `run_node` needs of the command line.
OPTIONS = ("--node", "--node-script", "--node-client", "--node-url", "--node-format")


async def run_node(options, prefix):
    """Runs the script to its end, which must be a good one; `prefix` begins all URIs."""
    node = [options.node, options.node_script, "--client", options.node_client]
    node += ["--url", options.node_url, "--format", options.node_format, "--prefix", prefix]
    child = await asyncio.create_subprocess_exec(*node)
    try:
        check(await child.wait() == 0, "the Node side failed")
    finally:
        if child.returncode is None:
            child.kill()
