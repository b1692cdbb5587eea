"""How good the readings are: labelled data in, figures and charts out."""
