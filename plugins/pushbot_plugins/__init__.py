"""The bundled plugins: they come in by the same door as anyone's."""
