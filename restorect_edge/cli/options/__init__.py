"""Options of the verbs: those that several have, and the parser that is made of a verb's."""
