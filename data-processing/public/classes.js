// The class table, written by ceruleanml from classes.toml; change it there.
(globalThis.Cerulean ??= {}).classes = [
  {"display": "#000000", "id": 0, "letter": "-", "name": "background", "photopea": [0, 255, 255], "title": "Background"},
  {"display": "#56b4e9", "id": 1, "letter": "I", "name": "infra_slick", "photopea": [0, 0, 255], "title": "Infrastructure slick"},
  {"display": "#009e73", "id": 2, "letter": "N", "name": "natural_seep", "photopea": [0, 255, 0], "title": "Natural seep"},
  {"display": "#d55e00", "id": 3, "letter": "C", "name": "coincident_vessel", "photopea": [255, 0, 0], "title": "Coincident vessel slick"},
  {"display": "#f0e442", "id": 4, "letter": "R", "name": "recent_vessel", "photopea": [255, 255, 0], "title": "Recent vessel slick"},
  {"display": "#cc79a7", "id": 5, "letter": "O", "name": "old_vessel", "photopea": [255, 0, 255], "title": "Old vessel slick"},
  {"display": "#e69f00", "id": 6, "letter": "A", "name": "ambiguous", "photopea": [255, 255, 255], "title": "Ambiguous"},
];
