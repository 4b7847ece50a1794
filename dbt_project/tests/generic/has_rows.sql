{#- Zero rows is an error, not a quiet day: except on days on which the feed's calendar expects nobody. -#}
{% test has_rows(model) %}

select 'no rows' as failure
from {{ model }}
having count(*) = 0 and {{ var('expect_observations', true) }}

{% endtest %}
