"""Drawings as data: positions in per cent of the drawing's box. Templates turn them into SVG, style sheets colour them."""
