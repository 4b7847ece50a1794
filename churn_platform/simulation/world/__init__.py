"""The simulated telco as a whole: `World` lives day by day, `DayLanding` is what it lands, and what is true.

What belongs here: the world and the values it answers with. What does not: the parts of a life.
"""

from churn_platform.simulation.world.values import ContactReceipt, DayLanding, WorldError, WorldState
from churn_platform.simulation.world.world import FIRST_DAY, World, figures_digest

__all__ = ["FIRST_DAY", "ContactReceipt", "DayLanding", "World", "WorldError", "WorldState", "figures_digest"]
