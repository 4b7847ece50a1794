{#- Both tables hold the same observations in the built range. -#}
{% test same_observations_as(model, other) %}

(
    select customer_id, observation_date, 'only here' as found from {{ model }}
    except
    select customer_id, observation_date, 'only here' as found from {{ other }}
)

union all

(
    select customer_id, observation_date, 'missing here' as found from {{ other }}
    where {{ in_built_range() }}
    except
    select customer_id, observation_date, 'missing here' as found from {{ model }}
)

{% endtest %}
