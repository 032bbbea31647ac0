"""What scripts/bench-peers is made of. Read in the order of a run:

main     the arguments, and what happens in which order
peers    finds and installs the clients
servers  the private servers, on core 0
clients  how each client is started (on core 1) and which figures it gives
outputs  reads what clients and tools print; pure, tested without them
process  runs a program to its end with its CPU time and memory
areas    what is measured: one function per area
rounds   turns, medians and paired ratios
bars     the bars that loadline must reach
tables   text, JSON and Markdown
"""
