"""The engine below lookalike: pictures, families of signatures, stores, tables of records, and searches of them.

It knows no user, no HTTP and no AWS. Programs use `lookalike`, which is made of this.
"""
