{#- The rule of point in time, spelled once.

    Staging keeps every version of a row and says for how long it was the newest: from `known_at` (included) to
    `superseded_at` (not included). What was known on a day is then a plain range condition, and what arrives later
    can only shorten a version's reign after that day. -#}

{% macro superseded_at(grain) -%}
    coalesce(
        lead(known_at) over (
            partition by {{ grain | join(', ') }}
            order by known_at, landed_on, source_digest, source_file
        ),
        date '9999-12-31'
    )
{%- endmacro %}

{% macro known_on(versions, day) -%}
    {{ versions }}.known_at <= {{ day }}
    and {{ day }} < {{ versions }}.superseded_at
{%- endmacro %}
