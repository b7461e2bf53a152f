"""`python -m millinet` is the program."""

from millinet.cli import main

main()
