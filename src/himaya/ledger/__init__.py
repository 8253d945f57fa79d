"""The record of every act, hash-chained and append-only; and the outbox of what must leave the house."""
