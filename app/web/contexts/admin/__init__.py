"""What the admin pages show: one module for each page, and the frame around all of them."""
