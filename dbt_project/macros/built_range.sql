{#- The observation dates that this build computes: vars from_date and to_date, both included. -#}

{% macro in_built_range(column='observation_date') -%}
    {%- set from_date = iso_date('from_date') -%}
    {%- set to_date = iso_date('to_date') -%}
    {%- if from_date > to_date -%}
        {{ exceptions.raise_compiler_error(
            "from_date " ~ from_date ~ " lies after to_date " ~ to_date
            ~ ": the range would be empty and the build would compute nothing. Swap them."
        ) }}
    {%- endif -%}
    {{ column }} between date '{{ from_date }}' and date '{{ to_date }}'
{%- endmacro %}

{% macro iso_date(name) -%}
    {%- set text = var(name) | string -%}
    {%- if not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', text) -%}
        {{ exceptions.raise_compiler_error("var " ~ name ~ " is '" ~ text ~ "': write a date as YYYY-MM-DD.") }}
    {%- endif -%}
    {{ return(text) }}
{%- endmacro %}

{#- A data test says `where: in_built_range`, so that one bad old row does not fail today's build.
    The word is resolved when the test runs: what a .yml holds is rendered at parse time, with the vars of that moment. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if not where -%}
        {{ return(relation) }}
    {%- endif -%}
    {%- set condition = in_built_range() if where == 'in_built_range' else where -%}
    {{ return('(select * from ' ~ relation ~ ' where ' ~ condition ~ ') as tested') }}
{%- endmacro %}
