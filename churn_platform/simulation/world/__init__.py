"""The simulated telco as a whole: `World` lives day by day, `DayLanding` is what it lands, and what is true.

What belongs here: the world and the values it answers with. What does not: the parts of a life.
"""

from churn_platform.simulation.contacts import ContactReceipt
from churn_platform.simulation.world.parts import figures_digest
from churn_platform.simulation.world.values import DayLanding, WorldError, WorldState
from churn_platform.simulation.world.world import FEWEST_CUSTOMERS, FIRST_DAY, MOST_CUSTOMERS, World

__all__ = [
    "FEWEST_CUSTOMERS",
    "FIRST_DAY",
    "MOST_CUSTOMERS",
    "ContactReceipt",
    "DayLanding",
    "World",
    "WorldError",
    "WorldState",
    "figures_digest",
]
