"""The shell of the portal: base views, navigation, tables, forms and the design system's tags."""
