"""The command line: one thin file per command of ``bagbench``.

What a command computes is a function of the rooms below; here it is given its options, its progress bar and its words.
Results go to stdout, everything else to stderr. ``python -m bagbench.scripts.picture`` draws the README's picture.
"""
