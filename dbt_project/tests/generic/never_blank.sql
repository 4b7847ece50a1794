{#- None of `columns` is null, in one pass. Returns one row per column that has blanks. -#}
{% test never_blank(model, columns) %}

{% for column in columns %}
select
    '{{ column }}' as column_name,
    count(*) as blank_rows
from {{ model }}
where {{ column }} is null
having count(*) > 0
{{ 'union all' if not loop.last }}
{% endfor %}

{% endtest %}
