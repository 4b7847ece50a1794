{#- A rule that is true of every row. Unknown is not true: a blank that makes the rule null fails. -#}
{% test holds(model, rule) %}

select *
from {{ model }}
where ({{ rule }}) is not true

{% endtest %}
