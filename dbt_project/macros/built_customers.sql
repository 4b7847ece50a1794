{#- Whom this build is about: a raw row of anybody else cannot change a row of the built range.

    The session variable `built_customers` is set by the platform's own build for a short range (churn_platform/adapters/dbt_scope.py);
    everywhere else it is null, and nothing is left out. By key, not by customer, where a key can move from one customer to another:
    all versions of a row are ranked together. -#}

{% macro of_built_customers(source, key='customer_id') -%}
    (
        getvariable('built_customers') is null
        {%- if key == 'customer_id' %}
        or customer_id in (select unnest(getvariable('built_customers')::varchar[]))
        {%- else %}
        or {{ key }} in (
            select {{ key }} from {{ source }}
            where customer_id in (select unnest(getvariable('built_customers')::varchar[]))
        )
        {%- endif %}
    )
{%- endmacro %}
