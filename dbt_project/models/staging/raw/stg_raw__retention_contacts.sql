with source as (

    select * from {{ source('raw', 'retention_contacts') }}
    where {{ of_built_customers(source('raw', 'retention_contacts'), 'contact_id') }}

),

versions as (

    select
        contact_id,
        customer_id,
        contacted_on,
        known_at,
        channel,
        arm,
        offer,
        accepted,
        cost,
        {{ superseded_at(['contact_id']) }} as superseded_at

    from source

),

-- a version replaced on the day it became known was never in force: of a row landed twice, the later landing stays
in_force as (

    select * from versions
    where known_at is distinct from superseded_at

)

select * from in_force
