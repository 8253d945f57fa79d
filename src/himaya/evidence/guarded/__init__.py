"""The highest class: no one person, and not the node, opens what is kept. Two of its custodians do, for one reading."""
