"""The ground floor: ports, registry, documents, errors, clock, faults, search. No Django, no database."""
