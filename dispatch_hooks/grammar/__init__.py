"""How requests are read: words, names, quotes, lists, directives, sentences. docs/grammar.md is the description."""
