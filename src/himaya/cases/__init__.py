"""The hall of the house: what we look into, who looks, our verdict."""
