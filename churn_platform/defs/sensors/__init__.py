"""The sensors: what reacts to recorded findings, each once. One file per concern; `SENSORS` is the list that `definitions.py` takes.

A sensor's cursor only saves work. What keeps a thing from happening twice are the ops store's own keys: a daemon that is killed
between acting and saving its cursor finds what it did done.
"""

from churn_platform.defs.sensors.retraining import RETRAINING_SENSORS
from churn_platform.defs.sensors.rollout import ROLLOUT_SENSORS
from churn_platform.defs.sensors.tickets import TICKET_SENSORS

SENSORS = [*TICKET_SENSORS, *RETRAINING_SENSORS, *ROLLOUT_SENSORS]
