"""Extras: what a training does beside its step, one file for each. The trainer calls all of them by one protocol.

A new extra (a callback) belongs here.
"""
