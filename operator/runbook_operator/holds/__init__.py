"""The engine of held fields: the rules that a switch's record and an enforced probe share."""
