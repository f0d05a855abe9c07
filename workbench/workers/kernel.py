"""The kernel of a run: a Python kernel of Jupyter that waits, and drops nothing, if its output is read too slowly.

It is started as a file, as in `python kernel.py -f CONNECTION_FILE`, so that it imports only what other kernels do.
"""

import sys
from typing import Any

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # this folder, whose modules are not for notebooks; the kernel puts the notebook's folder here

import zmq
from ipykernel.kernelapp import IPKernelApp


class PatientKernelApp(IPKernelApp):
    """A kernel whose cell waits while more messages are unread than ZeroMQ keeps; by default the rest are dropped."""

    def init_iopub(self, context: Any) -> None:
        """Open the socket of the outputs."""
        super().init_iopub(context)
        socket = self.iopub_thread.socket
        self.iopub_thread.schedule(lambda: socket.setsockopt(zmq.XPUB_NODROP, 1))


if __name__ == "__main__":
    PatientKernelApp.launch_instance()
