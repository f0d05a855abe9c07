"""The notebooks as a web application: pages whose sliders move freely, drawn by kernels that visitors share.

A picture depends on the values of its controls alone. So visitors need no kernel of their own, and nothing that one of
them does is seen by another.
"""
