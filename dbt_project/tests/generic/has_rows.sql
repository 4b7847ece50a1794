{#- Zero rows is an error, not a quiet day. -#}
{% test has_rows(model) %}

select 'no rows' as failure
from {{ model }}
having count(*) = 0

{% endtest %}
