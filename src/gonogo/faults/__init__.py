"""Breaking things and putting them back: the undo journal, the injectors and the actors.

Whatever is changed is written to the journal (fsync) before it is changed. Forbidden here: judging, pytest.
"""
