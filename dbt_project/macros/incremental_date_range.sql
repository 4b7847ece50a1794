{#- Incremental strategy `date_range`: the built range is replaced whole, every other date stays.
    By range, not by key: a key that is no longer observed must go as well. Both statements run in the model's one
    transaction, so a killed build leaves the old rows or the new ones. -#}

{% macro get_incremental_date_range_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}

    delete from {{ arg_dict['target_relation'] }}
    where {{ in_built_range() }};

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }};
{%- endmacro %}
