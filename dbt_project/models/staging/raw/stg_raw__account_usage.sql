with source as (

    select * from {{ source('raw', 'account_usage') }}
    where {{ of_built_customers(source('raw', 'account_usage')) }}

),

versions as (

    select
        customer_id,
        period_end,
        months,
        known_at,
        data_gb,
        extra_data_charges,
        long_distance_charges,
        {{ superseded_at(['customer_id', 'period_end']) }} as superseded_at

    from source

),

-- a version replaced on the day it became known was never in force: of a row landed twice, the later landing stays
in_force as (

    select * from versions
    where known_at is distinct from superseded_at

)

select * from in_force
