"""Mutation of what judges: does a test notice when a judgement is switched off or turned round?"""
